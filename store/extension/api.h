// Included before anything else of a file that is compiled into the extension: calls of SQLite go to the one
// that loaded it, never to a second one in the process (whose locks on the same file would not know of each
// other).
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
