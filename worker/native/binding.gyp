{
  "target_defaults": {
    "include_dirs": ["<!(node build.mjs --headers)"],
    "defines": ["NAPI_VERSION=8"],
    "cflags_cc!": ["-O2", "-O0", "-fno-omit-frame-pointer"],
    "cflags_cc": ["-std=c++17", "-O3", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wextra"],
    "xcode_settings": {
      "OTHER_CPLUSPLUSFLAGS": ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden"]
    }
  },
  "targets": [
    {
      "target_name": "seedcast",
      "sources": [
        "src/module.cc",
        "src/arguments.cc",
        "src/dispatch.cc",
        "src/pool.cc",
        "src/noise.cc",
        "src/linear.cc",
        "src/elementwise.cc",
        "src/structures.cc",
        "src/optimisers.cc",
        "src/isa-portable.cc",
        "src/isa-neon.cc",
        "src/integer.cc",
        "src/low-rank.cc",
        "src/integer-portable.cc",
        "src/integer-neon.cc"
      ],
      "conditions": [
        ["target_arch=='x64'", { "dependencies": ["avx2", "avx512", "avx512-bitalg", "avx512-vnni"] }]
      ]
    }
  ],
  "conditions": [
    [
      "target_arch=='x64'",
      {
        "targets": [
          {
            "target_name": "avx2",
            "type": "static_library",
            "sources": ["src/isa-avx2.cc", "src/integer-avx2.cc"],
            "cflags_cc": ["-mavx2", "-mfma"],
            "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma"] }
          },
          {
            "target_name": "avx512",
            "type": "static_library",
            "sources": ["src/isa-avx512.cc", "src/integer-avx512.cc"],
            "cflags_cc": ["-Wno-maybe-uninitialized", "-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"],
            "xcode_settings": {
              "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"]
            }
          },
          {
            "target_name": "avx512-bitalg",
            "type": "static_library",
            "sources": ["src/isa-avx512-bitalg.cc"],
            "cflags_cc": ["-Wno-maybe-uninitialized", "-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512bitalg"],
            "xcode_settings": {
              "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512bitalg"]
            }
          },
          {
            "target_name": "avx512-vnni",
            "type": "static_library",
            "sources": ["src/integer-avx512-vnni.cc"],
            "cflags_cc": ["-Wno-maybe-uninitialized", "-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"],
            "xcode_settings": {
              "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"]
            }
          }
        ]
      }
    ]
  ]
}
