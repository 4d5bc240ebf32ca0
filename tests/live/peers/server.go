// The test service on Go's net/http: server PORT. Writes `METHOD TARGET STATUS` for every answer.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		length, _ := io.Copy(io.Discard, request.Body)
		status := 200
		switch {
		case strings.HasPrefix(request.URL.Path, "/fail"):
			status = 500
			http.Error(response, "boom", status)
		case strings.HasPrefix(request.URL.Path, "/stream"):
			for _, part := range []string{"one", "two", "three"} {
				io.WriteString(response, part)
				response.(http.Flusher).Flush()
			}
		case request.Method == "POST":
			fmt.Fprintf(response, "%d\n", length)
		default:
			io.WriteString(response, "hello\n")
		}
		fmt.Println(request.Method, request.URL.RequestURI(), status)
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		panic(err)
	}
}
