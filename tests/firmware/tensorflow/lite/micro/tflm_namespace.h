// Written for the tests. TFLM's namespace is tflite::micro, and was tflite before.
#pragma once
#ifdef TFLM_IN_TFLITE
#define TFLM_BEGIN namespace tflite {
#define TFLM_END }
#else
#define TFLM_BEGIN namespace tflite { namespace micro {
#define TFLM_END } }
#endif
