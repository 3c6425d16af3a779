/** Whether `release` (`6.1.0-18-amd64`) is at least `major.minor`. False for what is no release. */
export function isKernelAtLeast(release: string, major: number, minor: number): boolean {
  const match = /^(\d+)\.(\d+)/.exec(release);
  if (match === null) return false;
  const [here, below] = [Number(match[1]), Number(match[2])];
  return here > major || (here === major && below >= minor);
}
