// Asks with net/http on one connection: client BASE 1|2.
package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	base, two := os.Args[1], os.Args[2] == "2"
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!two)
	protocols.SetHTTP2(two)
	protocols.SetUnencryptedHTTP2(two)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		Protocols:          protocols,
		DisableCompression: true,
	}}
	for _, target := range []string{"/ok?go=1", "/fail?go=2", "/missing?go=3", "/file.bin?go=4"} {
		method, body := "GET", io.Reader(nil)
		// In HTTP/2 the answer may come before all of the body was sent.
		if strings.HasPrefix(target, "/missing") && !two {
			method, body = "POST", strings.NewReader("some=form")
		}
		request, err := http.NewRequest(method, base+target, body)
		if err != nil {
			panic(err)
		}
		response, err := client.Do(request)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}
