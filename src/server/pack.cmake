# Writes a C++ file with INPUT's bytes behind the function NAME: numbers, since compilers limit how long a string may be.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"packed.hpp\"
namespace plimsoll::server {
namespace {
constexpr unsigned char kBytes[] = {${bytes}};
}
std::string_view ${NAME}() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes}; }
}  // namespace plimsoll::server
")
