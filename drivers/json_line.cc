#include "drivers/json_line.h"

#include <openssl/evp.h>

#include <cstdio>
#include <string_view>

namespace sluice {
namespace {

// Length of the valid UTF-8 sequence at the front of `text`, or 0. Source: Unicode 15, table 3-7.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2, 0x80, 0xbf) && follows(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// What is not UTF-8 becomes U+FFFD: MQTT demands UTF-8 of topics, but not every broker checks.
void AppendString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void AppendBase64(std::string_view bytes, std::string& out) {
  std::string encoded((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  encoded.resize(static_cast<std::size_t>(size));
  AppendString(encoded, out);
}

void AppendMember(const char* name, std::string_view value, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  AppendString(value, out);
}

}  // namespace

void AppendJsonLine(const CloudEvent& event, const Row& row, std::string& out) {
  out += R"({"specversion":"1.0")";
  AppendMember("id", event.id(), out);
  AppendMember("source", event.source(), out);
  AppendMember("type", kEventType, out);
  AppendMember("time", event.time(), out);
  AppendMember("subject", row.event.topic, out);
  AppendMember("sequence", event.sequence(), out);
  if (!event.prevseq().empty()) AppendMember("prevseq", event.prevseq(), out);
  if (!event.expirytime().empty()) AppendMember("expirytime", event.expirytime(), out);
  if (row.key) AppendMember("partitionkey", *row.key, out);
  if (!row.event.content_type.empty()) AppendMember("datacontenttype", row.event.content_type, out);
  if (IsUtf8(row.event.payload)) {
    AppendMember("data", row.event.payload, out);
  } else {
    out += ",\"data_base64\":";
    AppendBase64(row.event.payload, out);
  }
  out += "}\n";
}

}  // namespace sluice
