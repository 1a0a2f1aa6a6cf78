/** What stands below the options in each command's --help: lines that may be typed as they are. */

const EXAMPLES: Readonly<Record<string, readonly [string, string]>> = {
  ingest: ["dafh ingest studies/ disc.zip", "dafh ingest studies/ --retain-uids --data /srv/dafh"],
  search: ["dafh search slice.dcm --modality CT,MR --limit 5", "dafh search --id 5f0c4a3e-… --group series --json"],
  inspect: ["dafh inspect slice.dcm", "dafh inspect enhanced.dcm --frame 12 --json"],
  deidentify: ["dafh deidentify studies/ out/ --profile research", "dafh deidentify slice.dcm copy.dcm --retain-uids"],
  encode: ["dafh encode slice.dcm", "dafh encode a.dcm b.png --json"],
  eval: [
    "dafh eval --images images/ --manifest labels.csv",
    "dafh eval --images images/ --manifest labels.csv --robustness --foreign photographs/ --sheet sheet.png",
  ],
  serve: ["dafh serve", "dafh serve --port 0 --json"],
  encoder: ["dafh encoder", "ENCODER_URL=http://gpu-box:8090 dafh ingest studies/"],
  purge: ["dafh purge", "dafh purge --data /srv/dafh --json"],
  doctor: ["dafh doctor", "dafh doctor --data /srv/dafh --json"],
};

/** @returns "" for a command without any */
export function examplesOf(command: string): string {
  const lines = EXAMPLES[command] ?? [];
  return lines.length === 0 ? "" : `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
