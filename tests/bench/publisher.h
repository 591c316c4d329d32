// An MQTT 3.1.1 publisher as bare as it can be: what the benches spend on the load is missing from what they measure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// A socket with an MQTT session on a broker of this machine; ends the process if there is none.
int ConnectPublisher(int port);
/// Appends a PUBLISH with QoS 1.
void AppendPublish(std::string& out, std::string_view topic, std::uint16_t packet_id, std::string_view payload);
/// Ends the process if the broker is gone.
void SendAll(int fd, std::string_view bytes);
/// A PUBACK has so many bytes, and nothing else comes to a publisher.
constexpr std::uint64_t kAckBytes = 4;
/// Waits at most `milliseconds`; how many bytes came. Ends the process if the broker is gone.
std::uint64_t ReceiveAcks(int fd, int milliseconds);
