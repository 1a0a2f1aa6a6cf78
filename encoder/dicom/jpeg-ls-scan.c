/*
 * The scan of a JPEG-LS image of one component (ISO/IEC 14495-1 = ITU-T T.87, clauses cited by number): lossless and
 * near-lossless, 2 to 16 bits. Names are the standard's: ra, rb, rc and rd surround the sample (3.2), a, b, c and n are a
 * context's variables. `jpeg-ls-scan.ts` reads the headers, lays out the memory and says what is wrong;
 * `scripts/compile-webassembly.mjs` compiles this.
 */
#include <stdint.h>
#include <wasm_simd128.h>

typedef uint64_t __attribute__((aligned(1), may_alias)) Unaligned64;

enum Outcome { DECODED, NOT_ENDED, NOT_DECODABLE, DATA_LEFT };

enum {
  MOST_COLUMNS = 65535,
  MOST_VALUE = 65535,
  CONTEXTS = 365,
  /* Prefixes of fewer zeros, together with what follows them for the greatest k, are in the bits that are looked at. */
  SHORT_PREFIX = 32,
  /* No encoder needs more than 16. */
  MOST_K = 24,
  /* What may be read of the bits past their end, all zeros. */
  SLACK_BYTES = 128,
  /* Zero bits after the last sample: to the end of a byte, of the one stuffed after FF, and one more byte, as some write. */
  MOST_PADDING = 7 + 7 + 8
};

/* A.2.1; `k` is what A.5.1 makes of them, and seldom changes: to compute it for each sample would delay each. */
typedef struct {
  int32_t a;
  int32_t b;
  uint16_t n;
  int16_t c;
  int16_t k;
} Context;

/* A.7.2 */
typedef struct {
  int32_t a;
  int32_t n;
  int32_t nn;
} RunContext;

static int32_t maxval, near, step, range, qbpp, limit, reset;
/* Q of A.3.3 in bytes of `contexts`, by a gradient, which is at least -MAXVAL. */
static int16_t quantised[2 * MOST_VALUE + 1];
static Context contexts[CONTEXTS];
static RunContext runContexts[2];
static int32_t runIndex;
/* A sample before the first and one after the last (A.2.1). */
static uint16_t lines[2][MOST_COLUMNS + 2];

static const uint8_t J[32] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                              4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/*
 * The scan's bits without those stuffed after FF, first byte last: so eight bytes anywhere, as this machine loads them, are
 * a number whose highest bit is the next.
 */
static const uint8_t *firstBits;
static int32_t bitCount;

/* 57 bits or more from there on. */
static inline uint64_t bitsAt(const uint8_t *first, int32_t at) {
  return *(const Unaligned64 *)(first - (at >> 3)) << (at & 7);
}

static inline int32_t leadingZeros(uint64_t bits) { return __builtin_clzll(bits | 1); }

static inline int32_t clamped(int32_t value, int32_t most) {
  value = value < 0 ? 0 : value;
  return value > most ? most : value;
}

/* A.5.1: the least k for which n << k is a or more. */
static inline int32_t golombParameter(uint32_t n, uint32_t a) {
  int32_t k = __builtin_clz(n) - __builtin_clz(a | 1);
  k = k < 0 ? 0 : k;
  return k + (n << k < a);
}

/* What some bits say, and where they end: one of them is negative where no encoder writes such bits. */
typedef struct {
  int32_t value;
  int32_t end;
} Code;

/* A.5.3, any code. Past the end are only zeros, and more of them than any code begins with. */
static __attribute__((noinline)) Code codeAt(int32_t at, int32_t k, int32_t limitHere) {
  const int32_t longest = limitHere - qbpp - 1;
  int32_t zeros = leadingZeros(bitsAt(firstBits, at));
  if (zeros >= SHORT_PREFIX) zeros = SHORT_PREFIX + leadingZeros(bitsAt(firstBits, at + SHORT_PREFIX));
  if (zeros > longest) return (Code){-1, at};
  at += zeros + 1;
  const int32_t isEscaped = zeros == longest;
  const int32_t length = isEscaped ? qbpp : k;
  const int32_t low = (int32_t)(bitsAt(firstBits, at) >> 1 >> (63 - length));
  return (Code){isEscaped ? low + 1 : (int32_t)((uint32_t)zeros << k) + low, at + length};
}

/* A.4.5 and A.8: what the error, in steps, makes of the prediction. */
static inline int32_t reconstructed(int32_t px, int32_t error) {
  int32_t value = (int32_t)((uint32_t)px + (uint32_t)error * (uint32_t)step);
  if (value < -near) value += range * step;
  else if (value > maxval + near) value -= range * step;
  return clamped(value, maxval);
}

/* A.7.2: the sample that ends a run; its code's end by `at`, negative where it is none. */
static int32_t runInterruptionSample(int32_t *at, int32_t ra, int32_t rb) {
  const int32_t distance = ra > rb ? ra - rb : rb - ra;
  const int32_t type = distance <= near;
  RunContext *context = &runContexts[type];
  const int32_t k = golombParameter(context->n, (uint32_t)context->a + (type ? context->n >> 1 : 0));
  const Code code = codeAt(*at, k, limit - J[runIndex] - 1);
  *at = code.value < 0 ? -1 : code.end;
  const int32_t mapped = code.value + type;
  const int32_t isOdd = mapped & 1;
  const int32_t size = (int32_t)((uint32_t)mapped + isOdd) >> 1;
  const int32_t isNegative = isOdd == (k != 0 || 2 * context->nn >= context->n);
  const int32_t error = isNegative ? -size : size;
  context->nn += error < 0;
  context->a = (int32_t)((uint32_t)context->a + (uint32_t)((code.value + 1 - type) >> 1));
  if (context->a < 0 || k > MOST_K) *at = -1;
  if (context->n == reset) {
    context->a >>= 1;
    context->n >>= 1;
    context->nn >>= 1;
  }
  context->n++;
  return type ? reconstructed(ra, error) : reconstructed(rb, ra > rb ? -error : error);
}

/* A.7.1: how many samples repeat; negative where they are more than the line has. The bits' end by `at`. */
static int32_t runLength(int32_t *at, int32_t most) {
  int32_t length = 0;
  while ((int64_t)bitsAt(firstBits, *at) < 0) {
    ++*at;
    const int32_t block = 1 << J[runIndex];
    /* At the line's end a block may be cut short. */
    if (block > most - length) return most;
    length += block;
    if (runIndex < 31) runIndex++;
    if (length == most) return most;
  }
  ++*at;
  length += (int32_t)(bitsAt(firstBits, *at) >> 1 >> (63 - J[runIndex]));
  *at += J[runIndex];
  return length < most ? length : -1;
}

/* A.7, its `value` the run's last sample by x: the one that ends it, or past the line. */
static __attribute__((noinline)) Code runMode(const uint16_t *above, uint16_t *line, int32_t x, int32_t columns,
                                              int32_t at) {
  const int32_t ra = line[x - 1];
  const int32_t length = runLength(&at, columns + 1 - x);
  if (length < 0) return (Code){x, -1};
  for (int32_t sample = 0; sample < length; sample++) line[x + sample] = (uint16_t)ra;
  x += length;
  if (x > columns) return (Code){x, at};
  line[x] = (uint16_t)runInterruptionSample(&at, ra, above[x]);
  if (runIndex > 0) runIndex--;
  return (Code){x, at};
}

/* A.6: the context after an error, in steps. */
static inline int hasLearned(Context *context, int32_t error, int isLossless) {
  const int32_t size = error < 0 ? -error : error;
  int32_t a = (int32_t)((uint32_t)context->a + (uint32_t)size);
  int32_t b = (int32_t)((uint32_t)context->b + (uint32_t)error * (uint32_t)(isLossless ? 1 : step));
  int32_t n = context->n;
  /* More than the greatest errors, 65,535 times. */
  if (a < 0) return 0;
  if (n == reset) {
    a >>= 1;
    b >>= 1;
    n >>= 1;
  }
  n++;
  if (b <= -n) {
    b += n;
    b = b <= -n ? 1 - n : b;
    if (context->c > -128) context->c--;
  } else if (b > 0) {
    b -= n;
    b = b > 0 ? 0 : b;
    if (context->c < 127) context->c++;
  }
  const int32_t k = context->k;
  const uint32_t reach = (uint32_t)n << k;
  context->a = a;
  context->b = b;
  context->n = (uint16_t)n;
  if (reach >= (uint32_t)a && (k == 0 || reach >> 1 < (uint32_t)a)) return 1;
  context->k = (int16_t)golombParameter(n, a);
  return context->k <= MOST_K;
}

/*
 * Where the line's bits end; negative where no encoder writes such bits. @param isLossless and MAXVAL is all ones, so that
 * it is a mask
 */
static inline __attribute__((always_inline)) int32_t decodeLine(const uint16_t *above, uint16_t *line, int32_t columns,
                                                                int32_t at, int isLossless) {
  const uint8_t *const first = firstBits;
  const int16_t *const quantise = quantised + maxval;
  const int32_t most = maxval;
  const int32_t longest = limit - qbpp - 1;
  const int32_t shortPrefix = longest < SHORT_PREFIX ? longest : SHORT_PREFIX;
  line[0] = above[1];
  int32_t ra = line[0];
  int32_t rb = above[1];
  int32_t rc = above[0];
  for (int32_t x = 1; x <= columns; x++) {
    const int32_t rd = above[x + 1];
    const int32_t q = (quantise[rd - rb] * 9 + quantise[rb - rc]) * 9 + quantise[rc - ra];
    if (q == 0) {
      const Code run = runMode(above, line, x, columns, at);
      at = run.end;
      if (at < 0) return -1;
      x = run.value;
      if (x > columns) break;
      ra = line[x];
      rc = above[x];
      rb = above[x + 1];
      continue;
    }
    /* A.3.4: a context serves its mirror image too. */
    const int32_t sign = q >> 31;
    Context *const context = (Context *)((uint8_t *)contexts + ((q ^ sign) - sign));
    const int32_t k = context->k;
    const uint64_t bits = bitsAt(first, at);
    const int32_t zeros = leadingZeros(bits);
    int32_t mapped;
    if (__builtin_expect(zeros < shortPrefix, 1)) {
      /* The one after the zeros comes along with the bits below it. */
      mapped = (int32_t)(bits >> (63 - zeros - k)) + (int32_t)((uint32_t)(zeros - 1) << k);
      at += zeros + 1 + k;
    } else {
      const Code code = codeAt(at, k, limit);
      if (code.value < 0) return -1;
      mapped = code.value;
      at = code.end;
    }
    /* A.4.1 and A.4.2 */
    const int32_t least = ra < rb ? ra : rb;
    const int32_t greatest = ra < rb ? rb : ra;
    const int32_t plane = ra + (rb - rc);
    const int32_t below = plane > greatest ? greatest : plane;
    const int32_t px = clamped((below < least ? least : below) + ((context->c ^ sign) - sign), most);
    /* A.5.2 */
    int32_t error = (int32_t)((uint32_t)mapped >> 1) ^ -(mapped & 1);
    if ((isLossless || near == 0) && k == 0 && 2 * context->b <= -context->n) error = ~error;
    ra = isLossless ? ((px - sign) + (error ^ sign)) & most : reconstructed(px, (error ^ sign) - sign);
    line[x] = (uint16_t)ra;
    if (!hasLearned(context, error, isLossless)) return -1;
    rc = rb;
    rb = rd;
  }
  return at;
}

static int32_t decodeLossless(const uint16_t *above, uint16_t *line, int32_t columns, int32_t at) {
  return decodeLine(above, line, columns, at, 1);
}

static int32_t decodeAny(const uint16_t *above, uint16_t *line, int32_t columns, int32_t at) {
  return decodeLine(above, line, columns, at, 0);
}

static inline uint64_t firstByteHighest(const uint8_t *bytes) {
  const v128_t loaded = wasm_v128_load64_zero(bytes);
  return wasm_i64x2_extract_lane(wasm_i8x16_shuffle(loaded, loaded, 7, 6, 5, 4, 3, 2, 1, 0, 7, 6, 5, 4, 3, 2, 1, 0), 0);
}

static inline int hasFf(uint64_t bytes) {
  return (~bytes - 0x0101010101010101u & bytes & 0x8080808080808080u) != 0;
}

/*
 * Takes the stuffed bits out, up to the marker that ends the scan: gives the bytes of the source before it; negative
 * where there is none. @param end of the memory for the bits, which are written downwards from there
 */
static int32_t unstuff(const uint8_t *source, int32_t length, uint8_t *end) {
  uint8_t *to = end;
  /* Bits that do not fill eight bytes yet, from the highest on. */
  uint64_t pending = 0;
  int32_t count = 0;
  int32_t from = 0;
  int32_t isAfterFf = 0;
  int32_t isEnded = 0;
  while (!isEnded && from < length) {
    uint64_t eight;
    if (!isAfterFf && from + 8 <= length && !hasFf(eight = firstByteHighest(source + from))) {
      to -= 8;
      *(Unaligned64 *)to = pending | eight >> count;
      pending = eight << 1 << (63 - count);
      from += 8;
      continue;
    }
    for (int32_t byte = 0; byte < 8 && from < length; byte++) {
      const uint64_t value = source[from];
      if (isAfterFf && value >= 0x80) {
        isEnded = 1;
        break;
      }
      const int32_t width = 8 - isAfterFf;
      const uint64_t placed = value << (64 - width);
      pending |= placed >> count;
      count += width;
      if (count >= 64) {
        to -= 8;
        *(Unaligned64 *)to = pending;
        count -= 64;
        pending = count == 0 ? 0 : placed << (width - count);
      }
      isAfterFf = value == 0xff;
      from++;
    }
  }
  to -= 8;
  *(Unaligned64 *)to = pending;
  /* Without the marker's FF. */
  bitCount = (int32_t)(end - to - 8) * 8 + count - 8;
  uint8_t *const last = end - 1 - (bitCount >> 3);
  last[0] &= (uint8_t)~(0xff >> (bitCount & 7));
  last[-1] = 0;
  firstBits = end - 8;
  for (int32_t slack = 8; slack <= SLACK_BYTES; slack += 8) *(Unaligned64 *)(to - slack) = 0;
  return isEnded ? from - 1 : -1;
}

static void begin(int32_t t1, int32_t t2, int32_t t3) {
  step = 2 * near + 1;
  range = (maxval + 2 * near) / step + 1;
  qbpp = 32 - __builtin_clz(range - 1);
  int32_t bpp = 32 - __builtin_clz(maxval);
  if (bpp < 2) bpp = 2;
  limit = 2 * (bpp + (bpp < 8 ? 8 : bpp));
  const int32_t from[6] = {0, near + 1, t1, t2, t3, maxval + 1};
  int16_t *const quantise = quantised + maxval;
  for (int32_t q = 0; q < 5; q++) {
    for (int32_t gradient = from[q]; gradient < from[q + 1]; gradient++) quantise[gradient] = (int16_t)(q * (int32_t)sizeof(Context));
    for (int32_t gradient = 1 - from[q + 1]; gradient <= -from[q]; gradient++) quantise[gradient] = (int16_t)-(q * (int32_t)sizeof(Context));
  }
  const int32_t a = (range + 32) >> 6 < 2 ? 2 : (range + 32) >> 6;
  for (int32_t index = 0; index < CONTEXTS; index++)
    contexts[index] = (Context){a, 0, 1, 0, (int16_t)golombParameter(1, a)};
  for (int32_t type = 0; type < 2; type++) runContexts[type] = (RunContext){a, 1, 0};
  runIndex = 0;
}

/* @param end of the memory for the bits: `length` bytes, SLACK_BYTES and sixteen more @param cellBytes 1 or 2 */
__attribute__((export_name("decodeScan")))
enum Outcome decodeScan(const uint8_t *source, int32_t length, uint8_t *end, uint8_t *cells, int32_t cellBytes,
                        int32_t columns, int32_t rows, int32_t maxvalOfScan, int32_t nearOfScan, int32_t t1, int32_t t2,
                        int32_t t3, int32_t resetOfScan) {
  maxval = maxvalOfScan;
  near = nearOfScan;
  reset = resetOfScan;
  begin(t1, t2, t3);
  int32_t marker = unstuff(source, length, end);
  if (marker < 0) return NOT_ENDED;
  while (marker < length && source[marker] == 0xff) marker++;
  if (marker == length || source[marker] != 0xd9) return NOT_ENDED;
  const int isLossless = near == 0 && (maxval & (maxval + 1)) == 0;
  uint16_t *above = lines[0];
  uint16_t *line = lines[1];
  for (int32_t x = 0; x <= columns + 1; x++) above[x] = 0;
  int32_t at = 0;
  for (int32_t row = 0; row < rows; row++) {
    at = isLossless ? decodeLossless(above, line, columns, at) : decodeAny(above, line, columns, at);
    /* Past their end only the last code can reach, since none begins with the zeros that are there. */
    if (at < 0 || at > bitCount) return NOT_DECODABLE;
    line[columns + 1] = line[columns];
    if (cellBytes == 1) {
      uint8_t *const to = cells + row * columns;
      for (int32_t x = 0; x < columns; x++) to[x] = (uint8_t)line[x + 1];
    } else {
      uint16_t *const to = (uint16_t *)cells + row * columns;
      for (int32_t x = 0; x < columns; x++) to[x] = line[x + 1];
    }
    uint16_t *const done = line;
    line = above;
    above = done;
  }
  if (bitCount - at > MOST_PADDING || bitsAt(firstBits, at) != 0) return DATA_LEFT;
  return DECODED;
}
