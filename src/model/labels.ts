/** Labels that tools around docker compose read; ocup sets the same. */
export const LABEL = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  configHash: 'com.docker.compose.config-hash',
  containerNumber: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
  /** The kind of hook that a container was made for. */
  hook: 'com.docker.compose.hook',
  slug: 'com.docker.compose.slug',
  image: 'com.docker.compose.image',
  dependsOn: 'com.docker.compose.depends_on',
  version: 'com.docker.compose.version',
  volume: 'com.docker.compose.volume',
  network: 'com.docker.compose.network',
  workingDir: 'com.docker.compose.project.working_dir',
  configFiles: 'com.docker.compose.project.config_files',
  environmentFile: 'com.docker.compose.project.environment_file',
  /** The name of the container that this one was made to replace. */
  replace: 'com.docker.compose.replace',
  /** ocup's own: a short hash for each key of the service, to name later what has changed. */
  fingerprint: 'ocup.fingerprint',
  /** ocup's own: `True` for one that is removed, with its anonymous volumes, when it has ended. */
  autoRemove: 'ocup.auto-remove',
} as const;
