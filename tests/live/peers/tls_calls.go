// crypto/tls over a pipe in memory: tls_calls CERT KEY CALLS. For each line on standard input it writes and reads a message so
// many times, and prints the process's CPU time for a pair of calls, ns.
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
)

func spent() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	certificate, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	calls, _ := strconv.Atoi(os.Args[3])
	near, far := net.Pipe()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{certificate}})
	read := make(chan bool)
	go func() {
		buffer := make([]byte, 100)
		for {
			if _, err := io.ReadFull(server, buffer); err != nil {
				panic(err)
			}
			read <- true
		}
	}()
	message := make([]byte, 100)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		start := spent()
		for range calls {
			client.Write(message)
			<-read
		}
		fmt.Println((spent() - start) / int64(calls))
	}
}
