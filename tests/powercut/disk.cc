#include "tests/powercut/disk.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kSector = 512;
using Kind = Operation::Kind;

}  // namespace

void Disk::Change(std::string& content, const Operation& operation) {
  switch (operation.kind) {
    case Kind::kWrite:
      if (content.size() < operation.number + operation.data.size()) content.resize(operation.number + operation.data.size());
      content.replace(operation.number, operation.data.size(), operation.data);
      break;
    case Kind::kTruncate:
      content.resize(operation.number);
      break;
    case Kind::kExtend:
      if (content.size() < operation.number) content.resize(operation.number);
      break;
    default:
      break;
  }
}

void Disk::Rename(Names& names, const Operation& operation, const std::shared_ptr<File>& made) {
  if (operation.kind == Kind::kCreate) names[operation.name] = made;
  if (operation.kind == Kind::kRename) names[operation.data] = made;
  if (operation.kind != Kind::kCreate) names.erase(operation.name);
}

void Disk::Apply(const Operation& operation) {
  const auto found = now_.find(operation.name);
  switch (operation.kind) {
    case Kind::kAck:
      return;
    case Kind::kCreate:
    case Kind::kRename:
    case Kind::kUnlink: {
      if ((operation.kind == Kind::kCreate) == (found != now_.end())) return;
      const auto file = operation.kind == Kind::kCreate ? std::make_shared<File>() : found->second;
      Rename(now_, operation, file);
      pending_.push_back({operation, file});
      return;
    }
    case Kind::kSync:
      if (operation.name.empty()) {
        durable_ = now_;
        pending_.clear();
      } else if (found != now_.end()) {
        found->second->durable = found->second->now;
        found->second->pending.clear();
      }
      return;
    default: {
      if (found == now_.end()) return;
      File& file = *found->second;
      Operation change = operation;
      if (change.kind == Kind::kAppend) {
        change.kind = Kind::kWrite;
        change.number = file.now.size();
      }
      Change(file.now, change);
      file.pending.push_back(std::move(change));
    }
  }
}

std::string Disk::Survivor(const File& file, Cut cut, std::mt19937_64& random) {
  if (cut == Cut::kAll) return file.now;
  std::string content = file.durable;
  if (cut == Cut::kNothing) return content;
  // The odds differ from cut to cut: little, much or about half of it is there.
  const std::uint64_t odds = random() % 9;
  for (const Operation& operation : file.pending) {
    if (operation.kind != Kind::kWrite) {
      if (random() % 8 < odds) Change(content, operation);
      continue;
    }
    for (std::size_t at = 0; at < operation.data.size();) {
      const std::size_t end = std::min(operation.data.size(), at + kSector - (operation.number + at) % kSector);
      if (random() % 8 < odds) Change(content, {Kind::kWrite, "", operation.number + at, operation.data.substr(at, end - at)});
      at = end;
    }
  }
  return content;
}

std::map<std::string, std::string> Disk::After(Cut cut, std::mt19937_64& random) const {
  Names names = durable_;
  std::size_t changes = cut == Cut::kNothing ? 0 : pending_.size();
  if (cut == Cut::kRandom && changes > 0) changes = random() % (changes + 1);
  for (std::size_t i = 0; i < changes; ++i) Rename(names, pending_[i].operation, pending_[i].made);
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : names) files[name] = Survivor(*file, cut, random);
  return files;
}

}  // namespace sluice
