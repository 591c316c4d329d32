#include "store/ledger.h"

namespace sluice {

std::string LaneCounter(LaneId lane, const char* what) {
  return "lane/" + std::to_string(lane) + "/" + what;
}

Result<Ledger> Ledger::Load(Sqlite& database) {
  Result<Statement> write = database.Prepare("INSERT INTO counter(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2");
  if (!write) return tl::unexpected<Error>(write.error());
  Result<Statement> read = database.Prepare("SELECT name, value FROM counter");
  if (!read) return tl::unexpected<Error>(read.error());
  Ledger ledger(std::move(*write));
  for (;;) {
    Result<bool> row = read->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return ledger;
    ledger.values_[read->Bytes(0)] = read->Int(1);
  }
}

std::int64_t Ledger::Get(const std::string& name) const {
  auto it = values_.find(name);
  return it == values_.end() ? 0 : it->second;
}

void Ledger::Set(const std::string& name, std::int64_t value) {
  auto [it, is_new] = values_.try_emplace(name, 0);
  if (it->second == value && !is_new) return;
  changed_.try_emplace(name, it->second);
  it->second = value;
}

Result<void> Ledger::Write() {
  for (const auto& [name, before] : changed_) {
    write_.BindText(1, name);
    write_.BindInt(2, values_[name]);
    if (Result<void> run = write_.Run(); !run) return run;
  }
  return {};
}

void Ledger::Forget() {
  for (const auto& [name, before] : changed_) values_[name] = before;
  changed_.clear();
}

std::map<std::string, std::int64_t> Ledger::All() const {
  return values_;
}

}  // namespace sluice
