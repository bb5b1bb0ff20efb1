/* What `make windows` lacks of Windows and its Python: see windows.py. */
#include <windows.h>
#include <ntsecapi.h>

#ifdef PROGRAM /* python.exe: all of it is in the library, next to which it is */
int wmain(int count, wchar_t **arguments)
{
    HMODULE library = LoadLibraryW(L"python311.dll");
    int (*py_main)(int, wchar_t **) = (void *)GetProcAddress(library, "Py_Main");
    return py_main ? py_main(count, arguments) : 1;
}
#else /* a library under several names: the rest of it is in windows.py's list */
BOOL WINAPI ProcessPrng(BYTE *data, SIZE_T size) { return RtlGenRandom(data, size); }
#endif
