// Does in Go what examples/kv does: a key-value store over HTTP, by net/http, with the same SQLite, the same settings
// and statements. As there, a writer and a reader have a connection each, and serve what waits in one transaction.
//
//	kv ADDRESS FILE [each]
//
// each: the writer commits each request by itself, and handlers read with connections of a pool.
package main

/*
#cgo LDFLAGS: -lsqlite3
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 65536 };

struct base {
    sqlite3 *connection;
    sqlite3_stmt *statements[4];
    char found[VALUE_MAX];
    int found_length;
};

static const char setup[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                            "CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB)";
static const char *const texts[] = {
    "SELECT value FROM kv WHERE key = ?1", "UPDATE kv SET value = ?2 WHERE key = ?1",
    "INSERT INTO kv (key, value) VALUES (?1, ?2)", "DELETE FROM kv WHERE key = ?1"};

static struct base *base_open(const char *path)
{
    struct base *base = calloc(1, sizeof *base);
    int code = sqlite3_open(path, &base->connection);
    if (code == SQLITE_OK)
        code = sqlite3_exec(base->connection, setup, NULL, NULL, NULL);
    for (int i = 0; i < 4 && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v2(base->connection, texts[i], -1, &base->statements[i], NULL);
    return code == SQLITE_OK ? base : NULL;
}

static int base_execute(struct base *base, const char *text)
{
    return sqlite3_exec(base->connection, text, NULL, NULL, NULL);
}

static int base_step(struct base *base, int which, void *key, int key_length, void *value,
                     int length)
{
    sqlite3_stmt *statement = base->statements[which];
    sqlite3_bind_blob(statement, 1, key, key_length, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, value, length, SQLITE_STATIC);
    int found = sqlite3_step(statement) == SQLITE_ROW;
    if (found) {
        int size = sqlite3_column_bytes(statement, 0);
        base->found_length = size < VALUE_MAX ? size : VALUE_MAX;
        if (size > 0)
            memcpy(base->found, sqlite3_column_blob(statement, 0), base->found_length);
    }
    if (sqlite3_reset(statement) != SQLITE_OK)
        return -1;
    return which == 0 ? found : sqlite3_changes(base->connection);
}
*/
import "C"

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	"unsafe"
)

const (
	sqlSelect = iota
	sqlUpdate
	sqlInsert
	sqlDelete
)

const (
	keyMax   = 255
	valueMax = 65536
	batchMax = 256
)

type request struct {
	method string
	key    []byte
	value  []byte
	status int
	done   chan struct{}
}

func open(path string) *C.struct_base {
	text := C.CString(path)
	defer C.free(unsafe.Pointer(text))
	base := C.base_open(text)
	if base == nil {
		log.Fatalf("cannot open %s", path)
	}
	return base
}

func pointer(bytes []byte) unsafe.Pointer {
	if len(bytes) == 0 {
		return nil
	}
	return unsafe.Pointer(&bytes[0])
}

func step(base *C.struct_base, which C.int, r *request) int {
	return int(C.base_step(base, which, pointer(r.key), C.int(len(r.key)), pointer(r.value), C.int(len(r.value))))
}

func serve(base *C.struct_base, r *request) {
	rows := 0
	switch r.method {
	case http.MethodGet:
		if rows = step(base, sqlSelect, r); rows > 0 {
			r.value = C.GoBytes(unsafe.Pointer(&base.found[0]), base.found_length)
		}
	case http.MethodPut:
		if rows = step(base, sqlUpdate, r); rows == 0 {
			step(base, sqlInsert, r)
			r.status = http.StatusCreated
			return
		}
	case http.MethodDelete:
		rows = step(base, sqlDelete, r)
	}
	r.status = http.StatusNotFound
	if rows > 0 {
		r.status = http.StatusOK
	}
}

// run serves what waits in queue, at most `most` requests in one transaction.
func run(base *C.struct_base, queue chan *request, most int) {
	begin, commit := C.CString("BEGIN"), C.CString("COMMIT")
	for first := range queue {
		batch := []*request{first}
		for more := true; more && len(batch) < most; {
			select {
			case next := <-queue:
				batch = append(batch, next)
			default:
				more = false
			}
		}
		C.base_execute(base, begin)
		for _, r := range batch {
			serve(base, r)
		}
		if C.base_execute(base, commit) != C.SQLITE_OK {
			log.Fatal("cannot commit")
		}
		for _, r := range batch {
			close(r.done)
		}
	}
}

type store struct {
	writes, reads chan *request
	pool          chan *C.struct_base // nil: reads are served by the reader
}

func (s *store) ask(r *request) {
	switch {
	case r.method != http.MethodGet:
		s.writes <- r
	case s.pool == nil:
		s.reads <- r
	default:
		base := <-s.pool
		serve(base, r)
		s.pool <- base
		return
	}
	<-r.done
}

func (s *store) ServeHTTP(w http.ResponseWriter, h *http.Request) {
	if len(h.URL.Path) < 2 || len(h.URL.Path) > keyMax+1 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	r := &request{method: h.Method, key: []byte(h.URL.Path[1:]), done: make(chan struct{})}
	switch h.Method {
	case http.MethodGet, http.MethodDelete:
	case http.MethodPut:
		value, err := io.ReadAll(http.MaxBytesReader(w, h.Body, valueMax))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		r.value = value
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.ask(r)
	w.WriteHeader(r.status)
	if h.Method == http.MethodGet && r.status == http.StatusOK {
		w.Write(r.value)
	}
}

func main() {
	address, path := os.Args[1], os.Args[2]
	most := batchMax
	s := &store{writes: make(chan *request, 1024), reads: make(chan *request, 1024)}
	if len(os.Args) > 3 && os.Args[3] == "each" {
		most = 1
		s.pool = make(chan *C.struct_base, 16)
	}
	go run(open(path), s.writes, most)
	go run(open(path), s.reads, most)
	for i := 0; i < cap(s.pool); i++ {
		s.pool <- open(path)
	}
	server := &http.Server{Handler: s, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go server.Serve(listener)
	log.Printf("listening on %s", listener.Addr())
	<-stop.Done()
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server.Shutdown(grace)
}
