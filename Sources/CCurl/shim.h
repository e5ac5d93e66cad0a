#ifndef GATHERD_CCURL_SHIM_H
#define GATHERD_CCURL_SHIM_H
#include <curl/curl.h>
#endif
