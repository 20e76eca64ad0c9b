// The relay's programs, in one: the gate, which takes webhooks; a courier for each topic, which delivers them; and
// an inbox, which is a subscriber to try it with.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	programs := map[string]func(context.Context) error{"gate": gate, "courier": courier, "inbox": inbox}
	var program func(context.Context) error
	if len(os.Args) == 2 {
		program = programs[os.Args[1]]
	}
	if program == nil {
		fmt.Fprintf(os.Stderr, "%s: it is one of gate, courier and inbox, not %q\n", os.Args[0], os.Args[1:])
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := program(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// setting reads what the declaration says of the program: there is no default that could be wrong.
func setting(name string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", fmt.Errorf("%s is not set", name)
	}
	return value, nil
}

// serve answers until ctx ends, and then what it had begun.
func serve(ctx context.Context, handler http.Handler) error {
	at := net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT"))
	server := &http.Server{Addr: at, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	slog.Info("listening", "at", at)
	select {
	case err := <-ended:
		return fmt.Errorf("listening at %s: %w", at, err)
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		return fmt.Errorf("answering the last requests: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
