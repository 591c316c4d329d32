#include "tests/powercut/operations.h"

#include <cstring>
#include <fstream>
#include <iterator>

namespace sluice {
namespace {

template <typename T>
T Take(const char*& at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

}  // namespace

std::vector<Operation> ReadOperations(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<Operation> operations;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    Operation operation{};
    operation.kind = static_cast<Operation::Kind>(*at++);
    const auto name = Take<std::uint32_t>(at);
    operation.number = Take<std::uint64_t>(at);
    const auto data = Take<std::uint32_t>(at);
    operation.name.assign(at, name);
    operation.data.assign(at + name, data);
    at += name + data;
    operations.push_back(std::move(operation));
  }
  return operations;
}

}  // namespace sluice
