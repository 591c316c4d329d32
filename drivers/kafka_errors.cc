#include "drivers/kafka_errors.h"

#include <utility>

namespace sluice {
namespace {

// Empty: nothing that anybody could do about it.
std::string Advice(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return "the brokers do not accept who we are: check the user name, the password and the mechanism in `auth`; for AWS_MSK_IAM, that "
             "the role may kafka-cluster:Connect, and this machine's clock";
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
      return "the brokers do not know the mechanism in `auth`";
    case RD_KAFKA_RESP_ERR__SSL:
      return "TLS fails: check the CA and our certificate in `tls`, and that the brokers' certificates bear the names in `brokers`";
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return "a broker's name cannot be resolved: check `brokers` and the DNS";
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      return "no broker can be reached or keeps the connection: check the network, the brokers, and whether they want TLS and a "
             "certificate";
    default:
      return "";
  }
}

}  // namespace

Verdict KafkaVerdict(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return Verdict::kDelivered;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return Verdict::kRejected;
    default:
      return Verdict::kRetry;
  }
}

std::string KafkaReason(rd_kafka_resp_err_t error, const std::string& topic) {
  const std::string what = rd_kafka_err2str(error);
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return what + ": create the topic " + topic + ", or grant this client Describe on it";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return what + ": grant this client Write and Describe on the topic " + topic;
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return what + ": grant this client IdempotentWrite on the cluster, or Write on the topic " + topic;
    default:
      return what;
  }
}

std::string KafkaTrouble::OnError(rd_kafka_resp_err_t error) {
  // That no broker can be reached follows from every other trouble, and says less.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !advice_.empty()) return "";
  return Begin(Advice(error));
}

std::string KafkaTrouble::OnNoKeys() {
  return Begin("there are no keys to AWS to sign in with: check `credentials` in `auth`");
}

std::string KafkaTrouble::Begin(std::string advice) {
  if (advice.empty() || advice == advice_) return "";
  advice_ = advice;
  return advice;
}

bool KafkaTrouble::OnDelivered() {
  return !std::exchange(advice_, {}).empty();
}

}  // namespace sluice
