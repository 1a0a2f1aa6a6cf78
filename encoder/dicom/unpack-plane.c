/*
 * One plane of RLE Lossless (PS3.5 annex G.3): PackBits to every `step`th byte. `run-length.ts` lays out the memory and
 * says what is wrong; `scripts/compile-webassembly.mjs` compiles this.
 */
#include <stdint.h>
#include <wasm_simd128.h>

/* What may be read past a plane's packed bytes, and written past the cells. */
enum { LANES = 32 };

/* Pixels unpacked, fewer than all where the packed bytes end before; -1 where they end inside a run. */
static inline int32_t unpack(const uint8_t *packed, int32_t length, uint8_t *cells, int32_t pixels, int32_t step, int isLow) {
  int32_t from = 0;
  int32_t done = 0;
  while (done < pixels && from < length) {
    const int32_t control = packed[from++];
    if (control == 128) continue;
    const int isRepeat = control > 128;
    const int32_t stated = isRepeat ? 257 - control : control + 1;
    const uint8_t *source = packed + from;
    from += isRepeat ? 1 : stated;
    if (from > length) return -1;
    /* A last run may go past the end of the plane by its padding. */
    const int32_t run = stated < pixels - done ? stated : pixels - done;
    uint8_t *to = cells + done * step;
    done += run;
    if (isLow && isRepeat) {
      const v128_t value = wasm_i16x8_splat(*source);
      for (int32_t at = 0; at < run; at += 8) wasm_v128_store(to + at * 2, value);
    } else if (isLow) {
      for (int32_t at = 0; at < run; at += LANES)
        for (int32_t lane = at; lane < at + LANES; lane += 8)
          wasm_v128_store(to + lane * 2, wasm_u16x8_load8x8(source + lane));
    } else if (isRepeat) {
      const uint8_t value = *source;
      for (int32_t at = 0; at < run; at++, to += step) *to = value;
    } else {
      for (int32_t at = 0; at < run; at++, to += step) *to = source[at];
    }
  }
  return done;
}

__attribute__((export_name("unpackBytes")))
int32_t unpackBytes(const uint8_t *packed, int32_t length, uint8_t *cells, int32_t pixels, int32_t step) {
  return unpack(packed, length, cells, pixels, step, 0);
}

__attribute__((export_name("unpackLowBytes")))
int32_t unpackLowBytes(const uint8_t *packed, int32_t length, uint8_t *cells, int32_t pixels) {
  return unpack(packed, length, cells, pixels, 2, 1);
}
