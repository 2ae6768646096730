// What happens where an exception cannot be handled (one leaves a noexcept function): the process aborts, as it would
// with libstdc++'s own handler, which demangles and prints the exception's type before, and for that brings a demangler
// and stdio into every wheel.  Defining the variable here leaves them out of a static link (libsupc++'s
// eh_term_handler.cc, which has nothing else).

#include <cstdlib>
#include <exception>

namespace __cxxabiv1 {

extern std::terminate_handler __terminate_handler;
std::terminate_handler __terminate_handler = std::abort;

}  // namespace __cxxabiv1
