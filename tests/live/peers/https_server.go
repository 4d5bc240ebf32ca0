// net/http, HTTP/1.1 and HTTP/2, over TLS if given a certificate: server PORT [CERT KEY].
// Writes `METHOD TARGET STATUS` for every answer.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	log.SetOutput(io.Discard)
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		status := 200
		if strings.HasPrefix(request.URL.Path, "/fail") {
			status = 500
		}
		response.WriteHeader(status)
		io.WriteString(response, "answer\n")
		fmt.Println(request.Method, request.URL.RequestURI(), status)
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{Addr: "127.0.0.1:" + os.Args[1], Protocols: protocols}
	var err error
	if len(os.Args) > 2 {
		err = server.ListenAndServeTLS(os.Args[2], os.Args[3])
	} else {
		err = server.ListenAndServe()
	}
	panic(err)
}
