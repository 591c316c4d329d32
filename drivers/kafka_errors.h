// What Kafka's errors mean: for a row, and for who runs the gateway.
//
// Pure.
#pragma once

#include <librdkafka/rdkafka.h>

#include <string>

#include "gateway/ports.h"

namespace sluice {

/// What becomes of a row with this error. Whatever may change outside (rights, a missing topic, a password, a leader) is kRetry.
Verdict KafkaVerdict(rd_kafka_resp_err_t error);
/// What is wrong with a record for `topic`, and what to do about it. One line.
std::string KafkaReason(rd_kafka_resp_err_t error, const std::string& topic);

/// Trouble of the client as a whole, which no row is told of: the rows wait. Told once when it begins, with what to do, and once when it is
/// over.
class KafkaTrouble {
 public:
  /// The advice, if this is the beginning of a trouble; otherwise empty.
  std::string OnError(rd_kafka_resp_err_t error);
  /// The same for want of keys to sign in with.
  std::string OnNoKeys();
  /// A record was delivered. True if a trouble is over with that.
  bool OnDelivered();

 private:
  std::string Begin(std::string advice);

  std::string advice_;
};

}  // namespace sluice
