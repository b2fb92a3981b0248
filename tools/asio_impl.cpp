// Asio, its TLS and Beast, compiled once: their headers cost seconds in every file that compiles them inline.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
