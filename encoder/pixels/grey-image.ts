/**
 * One frame of grey values with their physical meaning: what `encoder/dicom` and `readImageFile` give and the rest
 * of this folder takes. Which meaning a DICOM frame has is decided in `encoder/dicom`, not here.
 */

/**
 * `hu`: Hounsfield units. `suv`: body-weight SUV. `relative`: numbers that mean something only beside the other
 * pixels of the same image (MR, unscaled PET). `display`: 0 to 255, already made for a screen.
 */
export type IntensityScale = "hu" | "suv" | "relative" | "display";

export interface GreyImage {
  readonly rows: number;
  readonly columns: number;
  /** rows × columns, row-major; a value that is not finite counts as background. */
  readonly values: Float32Array;
  readonly scale: IntensityScale;
  /** Height of a pixel over its width; 1 when absent. */
  readonly pixelAspectRatio?: number;
}
