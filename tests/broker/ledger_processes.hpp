// Processes of a test that stand in a ledger: forked, since threads of one process could not die.
#pragma once
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

namespace plimsoll::broker {

// Runs `work` in a child, which ends without destructors, as a process that is killed does.
inline pid_t in_a_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  (void)::alarm(120);  // against hanging
  work();
  ::_exit(0);
}

inline int wait_for(pid_t child, int flags = 0) {
  int status = 0;
  while (::waitpid(child, &status, flags) < 0 && errno == EINTR) {
  }
  return status;
}

inline void kill_and_wait(pid_t child) {
  (void)::kill(child, SIGKILL);
  (void)wait_for(child);
}

// Two ends of a child's progress: it says that it is somewhere, and is told to go on.
class Rendezvous {
 public:
  Rendezvous() {
    (void)!::pipe(arrived_);
    (void)!::pipe(go_on_);
  }
  ~Rendezvous() {
    for (const int end : {arrived_[0], arrived_[1], go_on_[0], go_on_[1]}) (void)::close(end);
  }
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  void arrive() const { (void)!::write(arrived_[1], "x", 1); }
  void wait_for_arrival() const {
    char byte = 0;
    (void)!::read(arrived_[0], &byte, 1);
  }
  void let_go_on() const { (void)!::write(go_on_[1], "x", 1); }
  void wait_to_go_on() const {
    char byte = 0;
    (void)!::read(go_on_[0], &byte, 1);
  }

 private:
  int arrived_[2]{};
  int go_on_[2]{};
};

}  // namespace plimsoll::broker
