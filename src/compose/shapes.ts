import {
  type ObjectShape,
  type Shape,
  any,
  boolean,
  bytes,
  command,
  count,
  duration,
  float,
  hosts,
  inJson,
  integer,
  kept,
  labels,
  listOf,
  lists,
  mode,
  objectOf,
  probe,
  recordOf,
  renamed,
  resourcesOf,
  ssh,
  text,
  texts,
  ulimit,
  variables,
} from './shape.ts';

/* The attributes of the Compose Specification in the order in which docker compose prints them. */

const deviceRequests: Shape = listOf(
  objectOf({ capabilities: texts, driver: text, count, device_ids: texts, options: labels }),
);

const hook = objectOf({
  command: inJson(command, 'null'),
  user: text,
  privileged: boolean,
  working_dir: text,
  environment: variables,
});

const startHook = objectOf({ image: text, ...hook.fields, per_replica: boolean });

const fileGrants: Shape = listOf(
  objectOf({ source: text, target: text, uid: text, gid: text, mode: kept(mode) }),
);

const blkioLimit: Shape = listOf(
  objectOf({ path: renamed(kept(text), 'Path'), rate: renamed(kept(bytes), 'Rate') }),
);

const build = objectOf({
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: texts,
  args: variables,
  provenance: text,
  sbom: text,
  ssh,
  labels,
  cache_from: texts,
  cache_to: texts,
  no_cache: boolean,
  no_cache_filter: texts,
  additional_contexts: labels,
  pull: boolean,
  extra_hosts: hosts,
  isolation: text,
  network: text,
  target: text,
  secrets: fileGrants,
  shm_size: bytes,
  tags: texts,
  ulimits: recordOf(ulimit),
  platforms: texts,
  privileged: boolean,
});

const update = objectOf({
  parallelism: kept(integer),
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: float,
  order: text,
});

const resource = objectOf({
  cpus: float,
  memory: bytes,
  pids: integer,
  devices: deviceRequests,
  generic_resources: listOf(
    objectOf({
      discrete_resource_spec: kept(objectOf({ kind: kept(text), value: kept(integer) })),
    }),
  ),
});

const deploy = objectOf({
  mode: text,
  replicas: kept(integer),
  labels,
  update_config: kept(update),
  rollback_config: kept(update),
  resources: inJson(objectOf({ limits: kept(resource), reservations: kept(resource) }), 'object'),
  restart_policy: kept(
    objectOf({
      condition: text,
      delay: kept(duration),
      max_attempts: kept(integer),
      window: kept(duration),
    }),
  ),
  placement: inJson(
    objectOf({
      constraints: texts,
      preferences: listOf(objectOf({ spread: text })),
      max_replicas_per_node: integer,
    }),
    'object',
  ),
  endpoint_mode: text,
});

const develop = objectOf({
  watch: listOf(
    objectOf({
      path: text,
      action: text,
      target: text,
      exec: inJson(hook, 'object'),
      include: texts,
      ignore: texts,
      initial_sync: boolean,
    }),
  ),
});

const volumeMount = objectOf({
  type: text,
  source: text,
  target: text,
  read_only: boolean,
  consistency: text,
  bind: kept(
    objectOf({ selinux: text, propagation: text, create_host_path: boolean, recursive: text }),
  ),
  volume: kept(objectOf({ labels, nocopy: boolean, subpath: text })),
  tmpfs: kept(objectOf({ size: bytes, mode: integer })),
  image: kept(objectOf({ subpath: text })),
});

/** A service. */
export const SERVICE: ObjectShape = objectOf({
  profiles: texts,
  annotations: labels,
  attach: kept(boolean),
  build: kept(build),
  develop: kept(develop),
  blkio_config: kept(
    objectOf({
      weight: integer,
      weight_device: listOf(
        objectOf({ path: renamed(kept(text), 'Path'), weight: renamed(kept(integer), 'Weight') }),
      ),
      device_read_bps: blkioLimit,
      device_read_iops: blkioLimit,
      device_write_bps: blkioLimit,
      device_write_iops: blkioLimit,
    }),
  ),
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  cgroup: text,
  cpu_count: integer,
  cpu_percent: float,
  cpu_period: integer,
  cpu_quota: integer,
  cpu_rt_period: integer,
  cpu_rt_runtime: integer,
  cpus: float,
  cpuset: text,
  cpu_shares: integer,
  command: inJson(kept(command), 'null'),
  configs: fileGrants,
  container_name: text,
  credential_spec: kept(objectOf({ config: text, file: text, registry: text })),
  depends_on: recordOf(objectOf({ condition: text, restart: boolean, required: kept(boolean) })),
  deploy: kept(deploy),
  device_cgroup_rules: texts,
  devices: listOf(objectOf({ source: text, target: text, permissions: text })),
  dns: texts,
  dns_opt: texts,
  dns_search: texts,
  domainname: text,
  entrypoint: inJson(kept(command), 'null'),
  provider: kept(objectOf({ type: text, options: lists })),
  environment: variables,
  env_file: listOf(objectOf({ path: text, required: kept(boolean), format: text })),
  expose: texts,
  extends: kept(objectOf({ file: text, service: text })),
  external_links: texts,
  extra_hosts: hosts,
  group_add: texts,
  gpus: deviceRequests,
  hostname: text,
  healthcheck: kept(
    objectOf({
      test: probe,
      timeout: kept(duration),
      interval: kept(duration),
      retries: kept(integer),
      start_period: kept(duration),
      start_interval: kept(duration),
      disable: boolean,
    }),
  ),
  image: text,
  init: kept(boolean),
  ipc: text,
  isolation: text,
  labels,
  label_file: texts,
  links: texts,
  logging: kept(objectOf({ driver: text, options: labels })),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: bytes,
  mac_address: text,
  models: recordOf(objectOf({ endpoint_var: text, model_var: text })),
  network_mode: text,
  networks: recordOf(
    objectOf({
      aliases: texts,
      driver_opts: labels,
      gw_priority: integer,
      interface_name: text,
      ipv4_address: text,
      ipv6_address: text,
      link_local_ips: texts,
      mac_address: text,
      priority: integer,
    }),
  ),
  oom_kill_disable: boolean,
  oom_score_adj: integer,
  pid: text,
  pids_limit: integer,
  platform: text,
  ports: listOf(
    objectOf({
      name: text,
      mode: text,
      host_ip: text,
      target: integer,
      published: text,
      protocol: text,
      app_protocol: text,
    }),
  ),
  privileged: boolean,
  pull_policy: text,
  pull_refresh_after: text,
  read_only: boolean,
  restart: text,
  runtime: text,
  scale: kept(integer),
  secrets: fileGrants,
  security_opt: texts,
  shm_size: bytes,
  stdin_open: boolean,
  stop_grace_period: kept(duration),
  stop_signal: text,
  storage_opt: labels,
  sysctls: labels,
  tmpfs: texts,
  tty: boolean,
  ulimits: recordOf(ulimit),
  use_api_socket: boolean,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: listOf(volumeMount),
  volumes_from: texts,
  working_dir: text,
  pre_start: listOf(startHook),
  post_start: listOf(hook),
  pre_stop: listOf(hook),
});

const fileObject = objectOf({
  name: text,
  file: text,
  environment: text,
  content: text,
  external: boolean,
  labels,
  driver: text,
  driver_opts: labels,
  template_driver: text,
});

/** A whole project. */
export const PROJECT: ObjectShape = objectOf({
  name: text,
  services: kept(recordOf(SERVICE)),
  networks: resourcesOf(
    objectOf({
      name: text,
      driver: text,
      driver_opts: labels,
      ipam: inJson(
        objectOf({
          driver: text,
          config: listOf(
            objectOf({ subnet: text, gateway: text, ip_range: text, aux_addresses: labels }),
          ),
        }),
        'object',
      ),
      external: boolean,
      internal: boolean,
      attachable: boolean,
      labels,
      enable_ipv4: kept(boolean),
      enable_ipv6: kept(boolean),
    }),
  ),
  volumes: resourcesOf(
    objectOf({ name: text, driver: text, driver_opts: labels, external: boolean, labels }),
  ),
  secrets: resourcesOf(fileObject),
  configs: resourcesOf(fileObject),
  models: resourcesOf(
    objectOf({ name: text, model: text, context_size: integer, runtime_flags: texts }),
  ),
});

/** What no shape knows. */
export const EXTENSION: Shape = any;
