/** The part of dcmjs (which comes without types) that the tests write DICOM files with. */
declare module "dcmjs" {
  const dcmjs: { readonly data: { datasetToBuffer(dataset: object): Buffer } };
  export default dcmjs;
}
