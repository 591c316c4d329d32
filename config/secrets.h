// The secrets of a configuration, each with its place: to see whether one has changed, never to be shown.
#pragma once

#include <map>
#include <string>

#include "config/config.h"

namespace sluice {

/// By JSON pointer, as in "/sources/local/password". Only those that are there.
std::map<std::string, std::string> SecretsOf(const Config& config);

/// A property of librdkafka whose value is none for other eyes.
bool IsSecretProperty(const std::string& rdkafka_name);

/// PEM files that the configuration names, by JSON pointer.
std::map<std::string, std::string> TlsFilesOf(const Config& config);

}  // namespace sluice
