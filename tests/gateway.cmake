foreach(subject backoff settlement inbox forwarder committer loop)
  sluice_test(${subject} unit 60 ${subject}_test.cc LIBS sluice_core sluice_failpoint_none)
endforeach()
