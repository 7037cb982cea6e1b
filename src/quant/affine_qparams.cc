#include "lowbit/quant/affine_qparams-inl.h"
