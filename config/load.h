// Loads a configuration: the main file, then conf.d/*.json beside it in name order. Objects merge, arrays append; the same value twice is a
// mistake that names both places. Then rules.d/*.json, each an array of rules or { "rules": [...] }: they come after the other rules.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/json_text.h"
#include "config/references.h"

namespace sluice {

/// One of the files that a configuration is written in.
struct ConfigFile {
  enum class Part {
    kMain,
    kMore,   ///< Of conf.d.
    kRules,  ///< Of rules.d.
  };
  Part part = Part::kMain;
  std::string name;
  std::string text;
  bool operator==(const ConfigFile&) const = default;
};

/// The files as they were read, in the order in which they count.
struct ConfigFiles {
  std::vector<ConfigFile> files;
  std::vector<Mistake> unreadable;
};

struct LoadedConfig {
  Config config;  ///< Usable only if there are no mistakes.
  std::vector<Mistake> mistakes;
  std::vector<Mistake> warnings;
};

ConfigFiles ReadConfigFiles(const std::string& path);

/// kResolve for running, kCheckOnly where secrets are not at hand.
LoadedConfig LoadConfig(const ConfigFiles& files, ReferenceMode mode);
LoadedConfig LoadConfig(const std::string& path, ReferenceMode mode);

/// "file:line:column: /pointer: message"
std::string FormatMistake(const Mistake& mistake);

}  // namespace sluice
