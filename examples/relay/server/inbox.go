package main

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
)

// The webhooks that came, by when, and how many of them are kept.
const (
	came = "came"
	kept = 100
)

// inbox takes what couriers bring, and shows it. What comes twice stands there once.
func inbox(ctx context.Context) error {
	key, err := setting("SIGNING_KEY")
	if err != nil {
		return err
	}
	address, err := setting("REDIS_URL")
	if err != nil {
		return err
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		// Its text may hold a password.
		return errors.New("REDIS_URL is no address of a Redis")
	}
	store := redis.NewClient(options)
	defer store.Close()
	away := func(answer http.ResponseWriter, err error) {
		slog.Error("Redis is not reached", "error", err.Error())
		tell(answer, http.StatusServiceUnavailable, map[string]any{"error": "try again"})
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(answer http.ResponseWriter, _ *http.Request) {
		tell(answer, http.StatusOK, map[string]any{})
	})
	routes.HandleFunc("POST /{$}", func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, most))
		if err != nil {
			tell(answer, http.StatusRequestEntityTooLarge, map[string]any{"error": err.Error()})
			return
		}
		if !hmac.Equal([]byte(sign(key, body)), []byte(request.Header.Get(signatureHeader))) {
			tell(answer, http.StatusUnauthorized, map[string]any{"error": "the signature is another's"})
			return
		}
		webhook, err := json.Marshal(map[string]string{"id": request.Header.Get(idHeader), "body": string(body)})
		if err != nil {
			away(answer, err)
			return
		}
		at := float64(time.Now().UnixMicro())
		both := store.TxPipeline()
		both.ZAddNX(request.Context(), came, redis.Z{Score: at, Member: webhook})
		both.ZRemRangeByRank(request.Context(), came, 0, -kept-1)
		if _, err := both.Exec(request.Context()); err != nil {
			away(answer, err)
			return
		}
		tell(answer, http.StatusOK, map[string]any{})
	})
	routes.HandleFunc("GET /inbox", func(answer http.ResponseWriter, request *http.Request) {
		found, err := store.ZRevRange(request.Context(), came, 0, -1).Result()
		if err != nil {
			away(answer, err)
			return
		}
		webhooks := make([]json.RawMessage, len(found))
		for at, webhook := range found {
			webhooks[at] = json.RawMessage(webhook)
		}
		tell(answer, http.StatusOK, map[string]any{"webhooks": webhooks})
	})
	return serve(ctx, routes)
}
