#include "lowbit/quant/error-inl.h"
