// What the pods of the tests run: one static program for each role that a test needs.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	role := "pause"
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	switch role {
	case "pause":
		<-ended
	// Answers with what its environment says, so that a test sees which version answers.
	case "serve":
		port := os.Getenv("PORT")
		if port == "" {
			port = "8080"
		}
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			name := strings.TrimPrefix(r.URL.Path, "/env/")
			fmt.Fprintln(w, os.Getenv(name))
		})
		http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "well") })
		fmt.Println("serving on", port)
		go func() { <-ended; os.Exit(0) }()
		fmt.Println(http.ListenAndServe(":"+port, nil))
		os.Exit(1)
	// Does its work and is done.
	case "once":
		fmt.Println("done", os.Getenv("KEY") != "")
	// Can't start.
	case "crash":
		fmt.Fprintln(os.Stderr, "the configuration is broken: no such column")
		os.Exit(3)
	// Asks another until it answers.
	case "ask":
		for {
			reply, err := http.Get(os.Args[2])
			if err == nil && reply.StatusCode == http.StatusOK {
				fmt.Println("answered")
				return
			}
			fmt.Println("no answer yet:", err)
			time.Sleep(200 * time.Millisecond)
		}
	default:
		fmt.Fprintln(os.Stderr, "no such role:", role)
		os.Exit(2)
	}
}
