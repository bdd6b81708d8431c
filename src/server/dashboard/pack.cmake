# Writes a C++ file that holds INPUT's bytes: numbers, since compilers limit how long a string may be.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"dashboard_page.hpp\"
namespace plimsoll::server {
namespace {
constexpr unsigned char kPage[] = {${bytes}};
}
std::string_view dashboard_page() { return {reinterpret_cast<const char*>(kPage), sizeof kPage}; }
}  // namespace plimsoll::server
")
