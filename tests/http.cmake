foreach(subject metrics http_pages http_server)
  sluice_test(${subject} unit 120 ${subject}_test.cc LIBS sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
endforeach()
