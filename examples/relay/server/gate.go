package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The most that a webhook may say, in bytes.
const most = 1 << 20

// gate takes webhooks: each is in the archive and in its topic's queue before it is answered.
func gate(ctx context.Context) error {
	archive, err := openArchive()
	if err != nil {
		return err
	}
	topics := map[string]*Queue{}
	for _, variable := range os.Environ() {
		name, address, _ := strings.Cut(variable, "=")
		topic, found := strings.CutPrefix(name, "TOPIC_")
		if !found {
			continue
		}
		queue, err := openQueue(address, "gate")
		if err != nil {
			return err
		}
		defer queue.conn.Close()
		topics[strings.ToLower(topic)] = queue
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(answer http.ResponseWriter, _ *http.Request) {
		for _, queue := range topics {
			if !queue.conn.IsConnected() {
				tell(answer, http.StatusServiceUnavailable, map[string]any{"error": "the queue " + queue.name + " is away"})
				return
			}
		}
		tell(answer, http.StatusOK, map[string]any{"topics": len(topics)})
	})
	routes.HandleFunc("POST /hooks/{topic}", func(answer http.ResponseWriter, request *http.Request) {
		topic := request.PathValue("topic")
		queue := topics[topic]
		if queue == nil {
			tell(answer, http.StatusNotFound, map[string]any{"error": "there is no topic " + topic})
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, most))
		if err != nil {
			tell(answer, http.StatusRequestEntityTooLarge, map[string]any{"error": err.Error()})
			return
		}
		id := rand.Text()
		if err := take(request.Context(), archive, queue, topic, id, body); err != nil {
			slog.Error("a webhook is not taken", "topic", topic, "error", err.Error())
			tell(answer, http.StatusServiceUnavailable, map[string]any{"error": "try again"})
			return
		}
		slog.Info("taken", "topic", topic, "id", id)
		tell(answer, http.StatusAccepted, map[string]any{"id": id})
	})
	routes.HandleFunc("GET /hooks/{topic}/{id}", func(answer http.ResponseWriter, request *http.Request) {
		topic, id := request.PathValue("topic"), request.PathValue("id")
		body, err := archive.get(request.Context(), done(topic, id))
		switch {
		case err != nil:
			slog.Error("the archive is not read", "topic", topic, "id", id, "error", err.Error())
			tell(answer, http.StatusServiceUnavailable, map[string]any{"error": "try again"})
		case body == nil:
			tell(answer, http.StatusNotFound, map[string]any{"error": "it is not delivered"})
		default:
			tell(answer, http.StatusOK, json.RawMessage(body))
		}
	})
	return serve(ctx, routes)
}

// take keeps a webhook. One that stands in the archive alone was never answered with its id.
func take(ctx context.Context, archive *Archive, queue *Queue, topic, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := archive.put(ctx, sent(topic, id), body); err != nil {
		return err
	}
	_, err := queue.stream.Publish(ctx, queue.name, []byte(id), jetstream.WithMsgID(id))
	return err
}

func tell(answer http.ResponseWriter, status int, what any) {
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(status)
	// Who asked may be gone.
	_ = json.NewEncoder(answer).Encode(what)
}
