{
  'variables': {
    'openssl_fips%': '',
    'warnings': ['-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wconversion', '-Wno-missing-field-initializers'],
    'base_sources': [
      'native/base/error.cc',
      'native/base/file.cc',
      'native/base/path_in_root.cc',
    ],
    'static_ldflags': ['-static', '-Wl,--gc-sections', '-Wl,-s'],
  },
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags!': ['-O3', '-fno-omit-frame-pointer'],
    'cflags': ['<@(warnings)', '-O2', '-fstack-protector-strong', '-ffunction-sections', '-fdata-sections'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['-std=c++20', '-fexceptions', '-frtti'],
    'defines': ['_GNU_SOURCE', '_FORTIFY_SOURCE=2'],
  },
  'targets': [
    {
      'target_name': 'ocup-init',
      'type': 'executable',
      'sources': ['native/init/init.cc'],
      'ldflags!': ['-rdynamic'],
      'ldflags': ['<@(static_ldflags)'],
    },
    {
      'target_name': 'ocup_native',
      'type': 'loadable_module',
      'sources': [
        '<@(base_sources)',
        'native/addon/addon.cc',
        'native/addon/descriptors.cc',
        'native/addon/js_error.cc',
        'native/addon/net_namespace.cc',
        'native/addon/netlink.cc',
        'native/addon/nftables.cc',
        'native/addon/processes.cc',
        'native/addon/sockets.cc',
        'native/addon/spawn.cc',
      ],
      'cflags': ['-isystem<!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")'],
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
      'libraries': ['-ldl'],
    },
  ],
}
