/** The part of @cornerstonejs/codec-charls (which comes without types) that is used here. */
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  interface JpegLsDecoder {
    /** A view of the codec's memory to put the codestream into. */
    getEncodedBuffer(bytes: number): Uint8Array;
    decode(): void;
    /** A copy. */
    getDecodedBuffer(): Uint8ClampedArray;
    getFrameInfo(): { readonly width: number; readonly height: number; readonly componentCount: number };
    /** 0: each component is a plane of its own. */
    getInterleaveMode(): number | { readonly value: number };
  }
  interface CharlsModule {
    readonly JpegLSDecoder: new () => JpegLsDecoder;
  }
  export default function load(): Promise<CharlsModule>;
}
