// Named moments at which the kill suite ends the process, to prove that no moment is a bad one.
// In `sluice` the function is empty (failpoint.cc); the test binary `sluice-failpoints` links one that obeys SLUICE_KILL_AT.
#pragma once

namespace sluice {

/// Any thread. `name` is one of: after_receive, before_commit, after_commit, after_produce, before_settle, before_checkpoint, before_drop,
/// before_gap_record.
/// Never called per event on the hot path, but per batch.
void Failpoint(const char* name);

}  // namespace sluice
