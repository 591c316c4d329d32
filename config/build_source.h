// One entry of `sources`.
#pragma once

#include <string>

#include "config/config.h"
#include "config/json_text.h"
#include "config/reader.h"

namespace sluice {

MqttSourceConfig BuildSource(const JsonMember& member, const std::string& pointer, const GatewayConfig& gateway, Findings& findings);

/// `tls`: { ca_file, cert_file, key_file, key_password }.
TlsConfig ReadTls(ObjectReader& reader);
/// Names of sources and sinks: they stand in metrics, logs and proxy credentials.
bool IsName(std::string_view text);

}  // namespace sluice
