/** An image of a model: crisp where it is small, and asked for again when the service was too busy. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

const CRISP = 128; // px up to which enlarged images keep their hard pixels
const TRIES = 4;

/** The class of an image that has so many pixels to a side. */
export function sharpness(side: number): string {
  return side <= CRISP ? "pixels" : "";
}

export function ModelImage(props: {
  address: string;
  side: number; // px
  alt: string;
  lazy?: boolean;
}): JSX.Element {
  const tries = useRef(0);
  const shown = useRef<HTMLImageElement>(null);
  useEffect(() => {
    tries.current = 0;
    const image = shown.current;
    return () => image?.removeAttribute("src"); // whoever scrolls past it needs it no more
  }, [props.address]);
  const again = (event: Event) => {
    const image = event.currentTarget as HTMLImageElement;
    if (++tries.current > TRIES) return;
    const wait = 1000 * tries.current;
    window.setTimeout(() => image.isConnected && (image.src = props.address), wait);
  };
  return (
    <img
      key={props.address}
      ref={shown}
      class={sharpness(props.side)}
      src={props.address}
      width={props.side}
      height={props.side}
      alt={props.alt}
      loading={props.lazy ? "lazy" : "eager"}
      decoding="async"
      onError={again}
    />
  );
}
