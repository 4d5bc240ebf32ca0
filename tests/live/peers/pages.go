// A small service on net/http with four shared connections to PostgreSQL: pages PORT PGPORT. GET /page/N makes 2 + N % 3
// statements that name N. It speaks the protocol itself: simple queries, no password.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

type database struct {
	net.Conn
	answers *bufio.Reader
}

func connect(port string) database {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	startup := append(binary.BigEndian.AppendUint32(nil, 196608), "user\x00postgres\x00database\x00postgres\x00\x00"...)
	conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(startup)+4)), startup...))
	opened := database{conn, bufio.NewReader(conn)}
	opened.ready()
	return opened
}

// Reads up to ReadyForQuery.
func (db database) ready() {
	head := make([]byte, 5)
	for head[0] != 'Z' {
		if _, err := io.ReadFull(db.answers, head); err != nil {
			panic(err)
		}
		io.CopyN(io.Discard, db.answers, int64(binary.BigEndian.Uint32(head[1:]))-4)
	}
}

func (db database) query(text string) {
	message := append([]byte{'Q'}, binary.BigEndian.AppendUint32(nil, uint32(len(text)+5))...)
	db.Write(append(append(message, text...), 0))
	db.ready()
}

func main() {
	pool := make(chan database, 4)
	for range 4 {
		pool <- connect(os.Args[2])
	}
	http.HandleFunc("/page/", func(response http.ResponseWriter, request *http.Request) {
		number, _ := strconv.Atoi(strings.TrimPrefix(request.URL.Path, "/page/"))
		for step := range 2 + number%3 {
			db := <-pool
			db.query(fmt.Sprintf("select 'page %d step %d', pg_sleep(0.01)", number, step))
			pool <- db
		}
		fmt.Fprintf(response, "page %d\n", number)
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
