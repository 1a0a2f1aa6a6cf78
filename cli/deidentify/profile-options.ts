/**
 * The options that choose a de-identification profile, the same for every command that lets something of a patient's
 * images through, and the name under which what came of it is stored. What a profile does is the encoder's matter.
 */
import { type Command, Option } from "commander";
import { DEIDENTIFICATION_PROFILES, type DeidentificationProfile } from "../../encoder/index.js";

export interface ProfileFlags {
  readonly profile: keyof typeof DEIDENTIFICATION_PROFILES;
  readonly retainUids?: true;
  readonly dates?: DeidentificationProfile["dates"];
  readonly retainDeviceIdentity?: true;
  readonly retainPatientCharacteristics?: true;
  readonly cleanDescriptors?: true;
  readonly retainSafePrivate?: true;
  readonly pixels?: DeidentificationProfile["pixels"];
}

/** Those that make a difference to the fields of the payload. */
export function withAttributeOptions(command: Command, what: string): Command {
  return command
    .addOption(
      new Option("--profile <name>", `de-identification profile: ${what}`)
        .choices(Object.keys(DEIDENTIFICATION_PROFILES))
        .default("strict"),
    )
    .option("--retain-uids", "keep UIDs: the way back to the archive")
    .addOption(new Option("--dates <how>", "what becomes of dates").choices(["remove", "shift", "keep"]))
    .option("--retain-patient-characteristics", "keep sex, age (90 and over as 90), size and weight");
}

export function pixelsOption(): Option {
  return new Option("--pixels <how>", "images that may have text burned in").choices(["refuse", "mask", "keep"]);
}

export function profileOf(flags: ProfileFlags): DeidentificationProfile {
  const preset: DeidentificationProfile = DEIDENTIFICATION_PROFILES[flags.profile];
  const adapted: DeidentificationProfile = {
    ...preset,
    retainUids: flags.retainUids ?? preset.retainUids,
    dates: flags.dates ?? preset.dates,
    retainDeviceIdentity: flags.retainDeviceIdentity ?? preset.retainDeviceIdentity,
    retainPatientCharacteristics: flags.retainPatientCharacteristics ?? preset.retainPatientCharacteristics,
    cleanDescriptors: flags.cleanDescriptors ?? preset.cleanDescriptors,
    retainSafePrivate: flags.retainSafePrivate ?? preset.retainSafePrivate,
    pixels: flags.pixels ?? preset.pixels,
  };
  return settingsOf(adapted) === settingsOf(preset) ? preset : { ...adapted, name: `${preset.name}, adapted` };
}

/**
 * The payload's `profile`: a preset's name, or else "strict" and what is let through beyond it. The same settings have
 * one name, however they were asked for.
 */
export function profileName(profile: DeidentificationProfile): string {
  const settings = settingsOf(profile);
  const preset = Object.values(DEIDENTIFICATION_PROFILES).find((one) => settingsOf(one) === settings);
  return preset?.name ?? `strict${settings}`;
}

/** " +retainUids +dates=shift": what differs from `strict`. */
function settingsOf({ name: _, ...settings }: DeidentificationProfile): string {
  const { name: __, ...strict } = DEIDENTIFICATION_PROFILES.strict;
  return Object.keys(strict)
    .map((key) => key as keyof typeof strict) // Object.keys forgets the keys' type.
    .filter((key) => settings[key] !== strict[key])
    .map((key) => (settings[key] === true ? ` +${key}` : ` +${key}=${settings[key]}`))
    .join("");
}
