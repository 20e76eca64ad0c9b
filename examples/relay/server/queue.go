package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Queue is a stream of NATS JetStream, of which a consumer and a subject have the same name.
type Queue struct {
	conn   *nats.Conn
	stream jetstream.JetStream
	name   string
}

// openQueue connects to `nats://user:password@host:port/STREAM`, now or as soon as it can.
func openQueue(address, program string) (*Queue, error) {
	at, err := url.Parse(address)
	if err != nil {
		// Its text may hold a password.
		return nil, fmt.Errorf("the queue's address is no URL")
	}
	name := strings.Trim(at.Path, "/")
	at.Path = ""
	conn, err := nats.Connect(at.String(),
		nats.Name(program),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(500*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to the queue %s: %w", name, err)
	}
	stream, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the queue %s: %w", name, err)
	}
	return &Queue{conn, stream, name}, nil
}
