add_library(mock_kafka_lib STATIC mock_kafka.cc)
target_link_libraries(mock_kafka_lib PUBLIC PkgConfig::RDKAFKA)
add_executable(mock_kafka mock_kafka_main.cc)
target_link_libraries(mock_kafka PRIVATE mock_kafka_lib)
