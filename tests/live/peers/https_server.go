// net/http over TLS: server PORT CERT KEY. Writes `METHOD TARGET STATUS` for every answer.
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
	if err := http.ListenAndServeTLS("127.0.0.1:"+os.Args[1], os.Args[2], os.Args[3], nil); err != nil {
		panic(err)
	}
}
