# The same rules on the same samples in Prometheus; skipped without its promtool.
add_test(NAME rules_prometheus COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/prometheus/compare.py $<TARGET_FILE:sluice>)
set_tests_properties(rules_prometheus PROPERTIES LABELS unit TIMEOUT 600 SKIP_RETURN_CODE 77)
