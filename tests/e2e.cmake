add_executable(sluice-failpoints e2e/failpoint.cc)
target_link_libraries(sluice-failpoints PRIVATE sluice_main)

# sluice_e2e(NAME LABEL SECONDS FILE CASE): one case, or class of cases, of a suite in tests/e2e.
function(sluice_e2e name label seconds file case)
  add_test(NAME ${name} COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${file}.py -v ${case})
  set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT ${seconds} ENVIRONMENT "SLUICE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

sluice_e2e(e2e_start integration 120 outage_test Start)
sluice_e2e(e2e_uplink integration 400 outage_test Uplink)
sluice_e2e(e2e_broker integration 240 outage_test Broker)
sluice_e2e(e2e_disk integration 600 outage_test Disk)
sluice_e2e(e2e_kill9 kill 1100 kill9_test Kill9)
sluice_e2e(e2e_order integration 240 kafka_test Order.test_a_record_too_large_for_the_client_library_is_set_aside_and_nothing_overtakes)
sluice_e2e(e2e_order_real_kafka kafka 400 kafka_test Order.test_a_record_too_large_for_a_real_kafka_is_set_aside_and_nothing_overtakes)
sluice_e2e(e2e_real_kafka kafka 600 kafka_test Real)
sluice_e2e(e2e_powercut kill 1100 powercut_test PowerCut)
