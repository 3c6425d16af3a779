{
  'variables': {
    'openssl_fips%': '',
    'warnings': ['-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wconversion', '-Wno-missing-field-initializers'],
    'base_sources': [
      'native/base/error.cc',
      'native/base/file.cc',
      'native/base/path_in_root.cc',
    ],
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
  ],
}
