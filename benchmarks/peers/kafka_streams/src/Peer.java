import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The job on Kafka Streams: events of one topic in, signals to another out, state in RocksDB with a changelog topic.
 *
 * Arguments: brokers, application id, topic in, topic out, folder for RocksDB, exactly_once_v2 or at_least_once. Everything
 * else is as Kafka Streams has it: one thread, a record cache of 10 MiB, commits every 100 ms (exactly once) or 30 s.
 */
public final class Peer {
    static final String STORE = "accounts";
    static final int ALLOWED = 500;
    static final long DAY_MS = 86_400_000L;

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Event(String name, long timestamp, Facts properties) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Facts(int total) {}

    record Signal(String account, int level, int total, int events) {}

    /** What is kept of an account: its events on its last day, the gauge's last value, the highest level told. */
    record Account(long day, int events, int total, int level) {
        static final Account NEW = new Account(0, 0, 0, 0);

        Account after(Event event) {
            long today = event.timestamp() / DAY_MS;
            int count = today == day ? events + 1 : 1;
            if (!event.name().equals("Contact Count Changed")) {
                return new Account(today, count, total, level);
            }
            int now = event.properties().total();
            int reached = now >= ALLOWED ? 100 : now * 100 >= ALLOWED * 80 ? 80 : 0;
            return new Account(today, count, now, Math.max(level, reached));
        }
    }

    static final class Judge implements FixedKeyProcessor<String, Event, Signal> {
        private FixedKeyProcessorContext<String, Signal> context;
        private KeyValueStore<String, Account> accounts;

        @Override
        public void init(FixedKeyProcessorContext<String, Signal> context) {
            this.context = context;
            this.accounts = context.getStateStore(STORE);
        }

        @Override
        public void process(FixedKeyRecord<String, Event> record) {
            Account before = accounts.get(record.key());
            before = before == null ? Account.NEW : before;
            Account after = before.after(record.value());
            accounts.put(record.key(), after);
            if (after.level() > before.level()) {
                context.forward(record.withValue(new Signal(record.key(), after.level(), after.total(), after.events())));
            }
        }
    }

    public static void main(String[] arguments) {
        Serde<String> text = Serdes.String();
        StoreBuilder<KeyValueStore<String, Account>> store =
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), text, accounts()).withCachingEnabled();
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(store);
        FixedKeyProcessorSupplier<String, Event, Signal> judge = Judge::new;
        builder.stream(arguments[2], Consumed.with(text, json(Event.class)))
                .processValues(judge, STORE)
                .to(arguments[3], Produced.with(text, json(Signal.class)));

        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[5]);
        settings.put("auto.offset.reset", "earliest");
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    static <T> Serde<T> json(Class<T> type) {
        ObjectMapper mapper = new ObjectMapper();
        Serializer<T> write = (topic, value) -> io(() -> mapper.writeValueAsBytes(value));
        Deserializer<T> read = (topic, bytes) -> io(() -> mapper.readValue(bytes, type));
        return Serdes.serdeFrom(write, read);
    }

    /** 20 bytes an account: what is stored need not be read by anybody else. */
    static Serde<Account> accounts() {
        Serializer<Account> write = (topic, a) ->
                ByteBuffer.allocate(20).putLong(a.day()).putInt(a.events()).putInt(a.total()).putInt(a.level()).array();
        Deserializer<Account> read = (topic, bytes) -> {
            if (bytes == null) {
                return null;
            }
            ByteBuffer b = ByteBuffer.wrap(bytes);
            return new Account(b.getLong(), b.getInt(), b.getInt(), b.getInt());
        };
        return Serdes.serdeFrom(write, read);
    }

    interface Io<T> {
        T run() throws IOException;
    }

    static <T> T io(Io<T> work) {
        try {
            return work.run();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
