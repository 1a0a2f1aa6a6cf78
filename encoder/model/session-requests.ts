/** What `network.ts` asks of a session thread and gets back. */
export interface SessionThreadData {
  readonly onnxPath: string;
  /** S */
  readonly inputSize: number;
  readonly hashBits: number;
  readonly featureSize: number;
  /** A; 0 where the network gives no attention map. */
  readonly attentionSize: number;
}

export type SessionRequest =
  /** Providers in the order in which they are tried. */
  | { readonly kind: "load"; readonly providers: readonly Provider[] }
  /** Inputs of S × S values each; rows up to `padTo` are filled with black images and left out of the answer. */
  | { readonly kind: "run"; readonly inputs: readonly Float32Array[]; readonly padTo: number };

export type Provider = "cuda" | "cpu";

export type SessionAnswer =
  | { readonly kind: "loaded"; readonly provider: Provider }
  /** N × K and N × D, row i for input i. `runMs`: the time inside ONNX Runtime. */
  | {
      readonly kind: "ran";
      readonly hash: Float32Array;
      readonly features: Float32Array;
      /** N × A × A and N; undefined where the network has no such output. */
      readonly attention: Float32Array | undefined;
      readonly foreign: Float32Array | undefined;
      readonly runMs: number;
    };
