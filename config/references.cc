#include "config/references.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sluice {
namespace {

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kInvalid, "cannot read " + path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // Editors and `echo` end a file with a newline that is no part of the secret.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

Result<std::string> HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return Fail(ErrorCode::kInvalid, "the host has no name");
  return std::string(name.data());
}

Result<std::string> Credential(const std::string& name) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr)
    return Fail(ErrorCode::kInvalid, "systemd gave no credentials; add LoadCredential=" + name + ":/path to the service");
  if (name.find('/') != std::string::npos) return Fail(ErrorCode::kInvalid, "a credential's name has no `/`");
  Result<std::string> read = ReadFile(std::string(directory) + "/" + name);
  // Where the service is given a directory of credentials, systemd puts the name of the directory in front of each (systemd.exec(5)).
  if (!read) read = ReadFile(std::string(directory) + "/sluice_" + name);
  if (!read)
    return Fail(ErrorCode::kInvalid,
                "systemd gave no such credential; put it into /etc/sluice/credentials/" + name + " and restart the service");
  return read;
}

Result<std::string> Resolve(std::string_view reference, ReferenceMode mode) {
  if (reference == "hostname") return HostName();
  const std::size_t colon = reference.find(':');
  const std::string_view kind = reference.substr(0, colon);
  const std::string name(colon == std::string_view::npos ? "" : reference.substr(colon + 1));
  const bool known = kind == "env" || kind == "file" || kind == "credential";
  if (!known || name.empty()) {
    return Fail(ErrorCode::kInvalid, "write ${env:NAME}, ${file:/path}, ${credential:NAME} or ${hostname}; for a plain `${` write `$${`");
  }
  if (mode == ReferenceMode::kCheckOnly) return "${" + std::string(reference) + "}";
  if (kind == "file") return ReadFile(name);
  if (kind == "credential") return Credential(name);
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return Fail(ErrorCode::kInvalid, "the environment has no " + name);
  return std::string(value);
}

}  // namespace

bool HasReference(std::string_view text) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
    if (at == 0 || text[at - 1] != '$') return true;
  }
  return false;
}

Result<std::string> ResolveReferences(std::string_view text, ReferenceMode mode) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "$${") {
      out += "${";
      i += 2;
      continue;
    }
    if (text.substr(i, 2) != "${") {
      out += text[i];
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string_view::npos) return Fail(ErrorCode::kInvalid, "`${` without `}`; for a plain `${` write `$${`");
    const std::string_view reference = text.substr(i + 2, end - i - 2);
    Result<std::string> value = Resolve(reference, mode);
    if (!value) return Fail(ErrorCode::kInvalid, "${" + std::string(reference) + "}: " + value.error().message);
    out += *value;
    i = end;
  }
  return out;
}

}  // namespace sluice
