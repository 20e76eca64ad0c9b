package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The header that carries what `sign` says, and the one that carries the id.
const (
	signatureHeader = "Relay-Signature"
	idHeader        = "Relay-Id"
)

// sign is the HMAC (RFC 2104) of a webhook, in hexadecimal, by which its subscriber knows the relay.
func sign(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Courier delivers the webhooks of one topic.
type Courier struct {
	archive        *Archive
	topic, to, key string
	queue          *Queue
}

// courier delivers until ctx ends, and then what it had begun.
func courier(ctx context.Context) error {
	var values [4]string
	for at, name := range []string{"TOPIC", "MESSAGES", "SUBSCRIBER", "SIGNING_KEY"} {
		value, err := setting(name)
		if err != nil {
			return err
		}
		values[at] = value
	}
	archive, err := openArchive()
	if err != nil {
		return err
	}
	queue, err := openQueue(values[1], "courier")
	if err != nil {
		return err
	}
	defer queue.conn.Close()
	courier := Courier{archive: archive, queue: queue, topic: values[0], to: values[2], key: values[3]}
	slog.Info("delivering", "topic", courier.topic, "to", courier.to)
	for ctx.Err() == nil {
		if err := courier.batch(ctx); err != nil {
			slog.Warn("the queue is not read", "topic", courier.topic, "error", err.Error())
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}

// batch delivers what waits; where nothing does, it waits a while for something to come.
func (c *Courier) batch(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	consumer, err := c.queue.stream.Consumer(waiting, c.queue.name, c.queue.name)
	if err != nil {
		return err
	}
	batch, err := consumer.Fetch(10, jetstream.FetchContext(waiting))
	if err != nil {
		return err
	}
	for message := range batch.Messages() {
		c.take(message)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && waiting.Err() == nil {
		return err
	}
	return nil
}

// take delivers one webhook, or gives it back to be tried again. What is begun is ended, also when the courier is
// told to stop.
func (c *Courier) take(message jetstream.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	id, tries := string(message.Data()), uint64(1)
	if about, err := message.Metadata(); err == nil {
		tries = about.NumDelivered
	}
	if err := c.deliver(ctx, id, tries); err != nil {
		pause := min(time.Second<<min(tries-1, 10), 10*time.Minute)
		slog.Warn("not delivered", "topic", c.topic, "id", id, "try", tries, "again_in", pause.String(), "error", err.Error())
		err = message.NakWithDelay(pause)
		if err != nil {
			slog.Warn("not given back: it comes again by itself", "id", id, "error", err.Error())
		}
		return
	}
	// A courier that dies before this delivers once more: subscribers know a webhook by its id.
	if err := message.Ack(); err != nil {
		slog.Warn("not acknowledged: it comes again", "id", id, "error", err.Error())
		return
	}
	slog.Info("delivered", "topic", c.topic, "id", id, "tries", tries)
}

func (c *Courier) deliver(ctx context.Context, id string, tries uint64) error {
	body, err := c.archive.get(ctx, sent(c.topic, id))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(idHeader, c.topic+"/"+id)
	request.Header.Set(signatureHeader, sign(c.key, body))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", c.to, answer.Status)
	}
	became, err := json.Marshal(map[string]any{"delivered": time.Now().UTC(), "tries": tries})
	if err != nil {
		return err
	}
	return c.archive.put(ctx, done(c.topic, id), became)
}
